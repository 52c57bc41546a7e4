create table customer (c_acctbal decimal(15,2), c_address text, c_comment text, c_count int, c_custkey int,
    c_mktsegment text, c_name text, c_nationkey int, c_orders text, c_phone text);
create table lineitem (l_commitdate date, l_discount decimal(15,2), l_extendedprice decimal(15,2),
    l_linestatus text, l_orderkey int, l_partkey int, l_quantity int, l_receiptdate date, l_returnflag text,
    l_shipdate date, l_shipinstruct text, l_shipmode text, l_suppkey int, l_tax decimal(15,2), l_year int);
create table nation (n_name text, n_nationkey int, n_regionkey int);
create table orders (o_comment text, o_custkey int, o_orderdate date, o_orderkey int, o_orderpriority text,
    o_orderstatus text, o_shippriority text, o_totalprice decimal(15,2), o_year int);
create table part (p_brand text, p_container text, p_mfgr text, p_name text, p_partkey int, p_size int, p_type
    text);
create table partsupp (ps_availqty int, ps_partkey int, ps_suppkey int, ps_supplycost decimal(15,2));
create table region (r_name text, r_regionkey int);
create table supplier (s_acctbal decimal(15,2), s_address text, s_comment text, s_name text, s_nationkey int,
    s_phone text, s_suppkey int);
