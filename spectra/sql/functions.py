"""Functions that read what they are given and nothing else: no file, setting, session, network or other statement.

Whatever is not here is refused unless the host adds it. Left out on purpose, beside what reaches outside: what
tells of the session and the server (``version``, ``current_user``, ``pg_backend_pid``), what takes its query or
its table as text (``query``, DuckDB's ``histogram`` in FROM), sequences, and what waits.
"""

from __future__ import annotations

from typing import Final

__all__ = ["safe", "sources"]


def safe(dialect: str) -> frozenset[str]:
    """The functions of the dialect, in lower case; of an unknown one, those of the SQL standard."""
    return _SAFE.get(dialect, _STANDARD)


def sources(dialect: str) -> frozenset[str]:
    """Those that may stand where a table could."""
    return _SOURCES.get(dialect, safe(dialect))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What is written like a function, in any dialect.
_SYNTAX: Final = _names(
    """
    all any array case cast coalesce exists extract grouping nullif overlay position row some substring
    trim try_cast unnest
    """
)
_STANDARD: Final = _SYNTAX | _names(
    """
    abs acos asin atan atan2 avg bit_length ceil ceiling char_length character_length chr concat corr cos
    count covar_pop covar_samp cume_dist current_date current_time current_timestamp date date_trunc
    dense_rank every exp first_value floor greatest lag last_value lead least left length ln localtime
    localtimestamp log lower lpad ltrim max median min mod nth_value ntile octet_length percent_rank
    percentile_cont percentile_disc power rank regr_avgx regr_avgy regr_count regr_intercept regr_r2
    regr_slope regr_sxx regr_sxy regr_syy repeat replace reverse right round row_number rpad rtrim sign
    sin sqrt stddev stddev_pop stddev_samp substr sum tan translate trunc upper var_pop var_samp variance
    """
)
_REDSHIFT: Final = _SYNTAX | _names(
    """
    abs acos add_months addbbox age any_value approximate array_concat array_contains array_distinct
    array_except array_exists array_flatten array_intersection array_lower array_position array_positions
    array_sort array_to_string array_union array_upper ascii asin atan atan2 avg bit_and bit_or bool
    bool_and bool_or bpchar bpcharcmp btrim bttext_pattern_cmp can_json_parse cbrt ceil ceiling
    char_length character_length charindex checksum chr collate concat connect_by_root convert
    convert_timezone cos cot count crc32 cume_dist current_date current_time current_timestamp date
    date_add date_cmp date_cmp_timestamp date_cmp_timestamptz date_diff date_part date_part_year
    date_trunc dateadd datediff datepart decimal_precision decimal_scale decode degrees dense_rank dexp difference
    dlog1 dlog10 dropbbox exp factorial farmfingerprint64 first_value float4 float8 floor fnv_hash
    from_hex from_varbyte func_sha1 generate_series geometrytype get_array_length get_byte getbit getdate
    greatest grouping_id h3_boundary h3_center h3_distance h3_fromlonglat h3_frompoint h3_isvalid
    h3_parent h3_polyfill h3_resolution h3_tochildren h3_toparent hll hll_cardinality hll_combine
    hll_combine_sketches hll_create_sketch initcap int2 int4 int8 interval_cmp is_array is_bigint
    is_boolean is_char is_decimal is_float is_integer is_object is_scalar is_smallint is_valid_json
    is_valid_json_array is_varchar isfinite json_array_length json_extract_array_element_text
    json_extract_path_text json_parse json_serialize json_serialize_to_varbyte json_size json_typeof
    justify_days justify_hours justify_interval lag last_day last_value lead least left len length level
    listagg ln localtime localtimestamp log lower lower_attribute_names lpad ltrim max md5 median min mod
    months_between next_day now nth_value ntile numeric nvl nvl2 object object_transform octet_length octetindex
    percent_rank percentile_cont percentile_disc pi pow power prior quote_ident quote_literal radians
    random rank ratio_to_report regexp_count regexp_instr regexp_replace regexp_substr repeat replace
    replicate reverse right round row_number rpad rtrim sha sha1 sha2 sign sin soundex split_part
    split_to_array sqrt st_addpoint st_angle st_area st_asbinary st_asewkb st_asewkt st_asgeojson
    st_ashexewkb st_ashexwkb st_astext st_azimuth st_boundary st_buffer st_centroid st_collect st_contains
    st_containsproperly st_convexhull st_coveredby st_covers st_crosses st_dimension st_disjoint
    st_distance st_distancesphere st_dwithin st_endpoint st_envelope st_equals st_exteriorring st_force2d
    st_force3d st_force3dm st_force3dz st_force4d st_geogfromtext st_geogfromwkb st_geohash st_geometryn
    st_geometrytype st_geomfromewkb st_geomfromewkt st_geomfromgeohash st_geomfromgeojson st_geomfromtext
    st_geomfromwkb st_interiorringn st_intersection st_intersects st_isclosed st_iscollection st_isempty
    st_ispolygonccw st_ispolygoncw st_isring st_issimple st_isvalid st_length st_length2d st_lengthsphere
    st_linefrommultipoint st_lineinterpolatepoint st_m st_makeenvelope st_makeline st_makepoint
    st_makepolygon st_memsize st_mmax st_mmin st_multi st_ndims st_npoints st_nrings st_numgeometries
    st_numinteriorrings st_numpoints st_perimeter st_perimeter2d st_point st_pointn st_points st_polygon
    st_removepoint st_reverse st_setpoint st_setsrid st_simplify st_srid st_startpoint st_touches
    st_transform st_union st_within st_x st_xmax st_xmin st_y st_ymax st_ymin st_z st_zmax st_zmin stddev
    stddev_pop stddev_samp strpos strtol subarray substr sum supportsbbox sys_connect_by_path sysdate tan
    text text_to_int_alt text_to_numeric_alt textlen time timeofday timestamp timestamp_cmp
    timestamp_cmp_date timestamp_cmp_timestamptz timestamptz timestamptz_cmp timestamptz_cmp_date
    timestamptz_cmp_timestamp timetz timezone to_char to_date to_hex to_number to_timestamp to_varbyte
    translate trunc upper upper_attribute_names var_pop var_samp varchar variance
    """
)
# Without CONVERT, whose second argument sqlglot takes for a type: a call there would not be seen.
_POSTGRES: Final = _SYNTAX | _names(
    """
    abs acos add_months age any_value array_agg array_append array_cat array_position array_prepend
    array_remove array_replace ascii asin atan atan2 avg bit_and bit_length bit_or bool bool_and bool_or
    bpchar bpcharcmp btrim bttext_pattern_cmp can_json_parse cardinality cbrt ceil ceiling char_length
    character_length charindex chr clock_timestamp collate concat concat_ws convert_timezone corr
    cos cot count covar_pop covar_samp crc32 cume_dist current_date current_time current_timestamp date
    date_add date_bin date_cmp date_cmp_timestamp date_cmp_timestamptz date_diff date_part date_part_year
    date_trunc dateadd datediff datepart decimal_precision decimal_scale decode degrees dense_rank
    difference div encode ends_with every exp factorial farmfingerprint64 first_value float4 float8 floor
    fnv_hash format from_hex from_varbyte func_sha1 gcd gen_random_uuid generate_series
    generate_subscripts get_array_length get_byte getbit getdate greatest grouping_id initcap int2 int4
    int8 interval_cmp isfinite isnull json_agg json_array_elements json_array_elements_text
    json_array_length json_build_array json_build_object json_each json_each_text json_extract_path
    json_extract_path_text json_object_agg json_object_keys json_typeof jsonb_agg jsonb_array_elements
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
    jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_object_agg jsonb_object_keys
    jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof justify_days justify_hours justify_interval lag
    last_day last_value lcm lead least left len length listagg ln localtime localtimestamp log log10 lower
    lower_attribute_names lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz max
    md5 median min min_scale mod mode months_between next_day now nth_value ntile num_nonnulls num_nulls
    numeric object_transform octet_length percent_rank percentile_cont percentile_disc pi pow power
    quote_ident quote_literal radians random rank ratio_to_report regexp_count regexp_instr regexp_like
    regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr
    regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat
    replace replicate reverse right round row_number row_to_json rpad rtrim scale sha sha1 sha2 sha224
    sha256 sha384 sha512 sign sin soundex split_part split_to_array sqrt starts_with statement_timestamp
    stddev stddev_pop stddev_samp string_agg string_to_array strpos strtol subarray substr sum sysdate tan
    text text_to_int_alt text_to_numeric_alt textlen time timeofday timestamp timestamp_cmp
    timestamp_cmp_date timestamp_cmp_timestamptz timestamptz timestamptz_cmp timestamptz_cmp_date
    timestamptz_cmp_timestamp timetz timezone to_char to_date to_hex to_json to_jsonb to_number
    to_timestamp to_varbyte transaction_timestamp translate trim_scale trunc unistr upper
    upper_attribute_names var_pop var_samp varchar variance width_bucket
    """
)
_DUCKDB: Final = _SYNTAX | _names(
    """
    @ abs acos acosh age aggregate ago alias any_value apply approx_count_distinct approx_quantile
    approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last
    argmax argmin array_agg array_aggr array_aggregate array_append array_apply array_cat array_concat
    array_contains array_cosine_distance array_cosine_similarity array_cross_product array_distance
    array_distinct array_dot_product array_extract array_filter array_grade_up array_has array_has_all
    array_has_any array_indexof array_inner_product array_intersect array_length
    array_negative_dot_product array_negative_inner_product array_pop_back array_pop_front array_position
    array_prepend array_push_back array_push_front array_reduce array_resize array_reverse
    array_reverse_sort array_select array_slice array_sort array_to_json array_to_string array_transform
    array_unique array_value array_where array_zip ascii asin asinh assert_true atan atan2 atanh avg bar
    base64 bin binom bit_and bit_count bit_length bit_or bit_position bit_xor bitstring bitstring_agg
    bool_and bool_or cardinality cbrt ceil ceiling century char_length character_length chr columns concat
    concat_ws contains corr cos cosh cot count count_if countif covar_pop covar_samp cume_dist
    current_date current_localtime current_localtimestamp current_time current_timestamp
    damerau_levenshtein date_add date_diff date_part date_sub date_trunc datediff datepart datesub
    datetrunc day dayname dayofmonth dayofweek dayofyear date days_in_month decade decode degrees dense_rank
    editdist3 element_at encode ends_with entropy enum_code enum_first enum_last enum_range
    enum_range_boundary epoch epoch_ms epoch_ns epoch_us equi_width_bins era error even every exp
    factorial favg fdiv fill filter first first_value flatten floor fmod format format_bytes
    formatreadabledecimalsize formatreadablesize from_base64 from_binary from_hex from_json
    from_json_strict fsum gamma gcd gen_random_uuid generate_series generate_subscripts geomean
    geometric_mean get_bit get_current_time get_current_timestamp grade_up greatest
    greatest_common_divisor group_concat grouping_id hamming hash hex histogram histogram_exact hour if
    ifnull instr invoke isfinite isinf isnan isodow isoyear jaccard jaro_similarity jaro_winkler_similarity json
    json_array json_array_length json_contains json_deep_merge json_exists json_extract json_extract_path
    json_extract_path_text json_extract_string json_group_array json_group_object json_group_structure
    json_insert json_keys json_merge_patch json_merge_patch_diff json_normalize json_object json_pretty
    json_quote json_remove json_replace json_set json_strip_nulls json_structure json_transform
    json_transform_strict json_type json_valid json_value julian kahan_sum kurtosis kurtosis_pop lag last
    last_day last_value lcase lcm lead least least_common_multiple left left_grapheme len length
    length_grapheme levenshtein lgamma list list_aggr list_aggregate list_any_value list_append list_apply
    list_approx_count_distinct list_avg list_bit_and list_bit_or list_bit_xor list_bool_and list_bool_or
    list_cat list_concat list_contains list_cosine_distance list_cosine_similarity list_count
    list_distance list_distinct list_dot_product list_element list_entropy list_extract list_filter
    list_first list_grade_up list_has list_has_all list_has_any list_histogram list_indexof
    list_inner_product list_intersect list_kurtosis list_kurtosis_pop list_last list_mad list_max
    list_median list_min list_mode list_negative_dot_product list_negative_inner_product list_pack
    list_position list_prepend list_product list_reduce list_resize list_reverse list_reverse_sort
    list_select list_sem list_skewness list_slice list_sort list_stddev_pop list_stddev_samp
    list_string_agg list_sum list_transform list_unique list_value list_var_pop list_var_samp list_where
    list_zip listagg ln localtime localtimestamp log log10 log2 lower lpad ltrim lttb mad make_date
    make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz map map_concat
    map_contains map_contains_entry map_contains_value map_entries map_extract map_extract_value
    map_from_entries map_keys map_values max max_by md5 md5_number md5_number_lower md5_number_upper mean
    median microsecond millennium millisecond min min_by minute mismatches mod mode month monthname
    nanosecond nextafter nfc_normalize normalized_interval now nth_value ntile octet_length ord
    parse_dirname parse_dirpath parse_filename parse_formatted_bytes parse_path path_join percent_rank
    percentile_cont percentile_disc pi pow power prefix printf product quantile quantile_cont
    quantile_disc quarter radians random range rank rank_dense reduce regexp_escape regexp_extract
    regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array
    regexp_split_to_table regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
    regr_sxy regr_syy repeat replace reservoir_quantile reverse right right_grapheme round round_even
    roundbankers row_number row_to_json rpad rtrim second sem set_bit sha1 sha256 sign signbit sin sinh
    skewness split split_part sqrt st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_geomfromgeojson
    st_geomfromwkb st_intersects_extent starts_with stddev stddev_pop stddev_samp str_split
    str_split_regex strftime string_agg string_split string_split_regex string_to_array strip_accents
    strlen strpos strptime struct_concat struct_contains struct_extract struct_extract_at struct_has
    struct_indexof struct_insert struct_keys struct_pack struct_position struct_update struct_values
    substr substring_grapheme suffix sum sumkahan switch tan tanh time_bucket timezone timezone_hour
    timezone_minute to_base to_base64 to_binary to_centuries to_days to_decades to_hex to_hours to_json
    to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp
    to_weeks to_years today transaction_timestamp translate trunc try try_strptime typeof ucase unbin
    unhex unicode union_extract union_tag union_value unpivot_list upper url_decode url_encode uuid
    uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 var_pop var_samp variance
    variant_array_length variant_contains variant_exists variant_extract variant_extract_string
    variant_group_array variant_group_object variant_keys variant_type variant_typeof vertex_extract wavg
    week weekday weekofyear weighted_avg xor year yearweek
    """
)
_SQLITE: Final = _SYNTAX | _names(
    """
    abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling char concat concat_ws cos cosh count
    cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value
    floor format glob group_concat hex highlight ifnull iif instr json json_array json_array_insert
    json_array_length json_error_position json_extract json_group_array json_group_object json_insert
    json_object json_patch json_pretty json_quote json_remove json_replace json_set json_type json_valid
    jsonb jsonb_array jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object
    jsonb_patch jsonb_remove jsonb_replace jsonb_set julianday lag last_value lead length like likelihood
    likely ln log log10 log2 lower ltrim matchinfo max median min mod nth_value ntile octet_length offsets
    percent_rank percentile percentile_cont percentile_disc pi pow power printf quote radians random
    randomblob rank replace round row_number rtrim sign sin sinh snippet soundex sqrt strftime string_agg
    substr subtype sum tan tanh time timediff total trunc typeof unhex unicode unistr unistr_quote
    unixepoch unlikely upper zeroblob
    """
)

_SAFE: Final = {"redshift": _REDSHIFT, "postgres": _POSTGRES, "duckdb": _DUCKDB, "sqlite": _SQLITE}
_SOURCES: Final = {
    "duckdb": _names(
        "generate_series generate_subscripts json_each json_tree range regexp_split_to_table repeat repeat_row unnest"
    ),
    "sqlite": frozenset(["generate_series", "json_each", "json_tree"]),
}
