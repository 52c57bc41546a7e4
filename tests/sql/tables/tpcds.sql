create table call_center (cc_call_center_id text, cc_call_center_sk int, cc_manager text, cc_name text);
create table catalog_returns (cr_call_center_sk int, cr_item_sk int, cr_net_loss decimal(15,2),
    cr_order_number int, cr_refunded_cash decimal(15,2), cr_returned_date_sk int, cr_returning_customer_sk
    int);
create table catalog_sales (cs_bill_customer_sk int, cs_ext_discount_amt decimal(15,2), cs_ext_sales_price
    decimal(15,2), cs_item_sk int, cs_net_profit decimal(15,2), cs_order_number int, cs_sales_price
    decimal(15,2), cs_sold_date_sk int, cs_warehouse_sk int);
create table customer (c_current_addr_sk int, c_current_cdemo_sk int, c_current_hdemo_sk int, c_customer_id
    text, c_customer_sk int, c_first_name text, c_last_name text);
create table customer_address (ca_address_sk int, ca_city text, ca_country int, ca_gmt_offset int, ca_state
    text, ca_zip text);
create table customer_demographics (cd_demo_sk int, cd_education_status text, cd_gender text,
    cd_marital_status text);
create table date_dim (d_date date, d_date_sk int, d_month_seq int, d_moy int, d_qoy int, d_year int);
create table household_demographics (hd_buy_potential text, hd_demo_sk int, hd_dep_count int);
create table inventory (inv_after text, inv_before text, inv_date_sk int, inv_item_sk int,
    inv_quantity_on_hand int, inv_warehouse_sk int);
create table item (i_brand text, i_brand_id text, i_category text, i_class text, i_current_price
    decimal(15,2), i_item_desc text, i_item_id text, i_item_sk int, i_manufact_id text, i_product_name text);
create table promotion (p_channel_dmail text, p_channel_email text, p_channel_event text, p_channel_tv text,
    p_promo_sk int);
create table reason (r_reason_desc text, r_reason_sk int);
create table store (s_company_name text, s_county int, s_gmt_offset int, s_state text, s_store_id text,
    s_store_name text, s_store_sk int);
create table store_returns (sr_customer_sk int, sr_item_sk int, sr_net_loss decimal(15,2), sr_reason_sk int,
    sr_return_amt decimal(15,2), sr_return_quantity int, sr_returned_date_sk int, sr_store_sk int,
    sr_ticket_number int);
create table store_sales (ss_addr_sk int, ss_cdemo_sk int, ss_coupon_amt decimal(15,2), ss_customer_sk int,
    ss_ext_discount_amt decimal(15,2), ss_ext_sales_price decimal(15,2), ss_hdemo_sk int, ss_item_sk int,
    ss_list_price decimal(15,2), ss_net_paid decimal(15,2), ss_net_profit decimal(15,2), ss_promo_sk int,
    ss_quantity int, ss_sales_price decimal(15,2), ss_sold_date_sk int, ss_sold_time_sk int, ss_store_sk int,
    ss_ticket_number int, ss_wholesale_cost decimal(15,2));
create table time_dim (t_category text, t_class text, t_hour int, t_minute int, t_time_sk int);
create table warehouse (w_state text, w_warehouse_name text, w_warehouse_sk int);
create table web_page (wp_char_count int, wp_web_page_sk int);
create table web_returns (wr_order_number int);
create table web_sales (ws_bill_customer_sk int, ws_ext_sales_price decimal(15,2), ws_ext_ship_cost
    decimal(15,2), ws_item_sk int, ws_net_paid decimal(15,2), ws_net_profit decimal(15,2), ws_order_number
    int, ws_sales_price decimal(15,2), ws_ship_addr_sk int, ws_ship_date_sk int, ws_ship_hdemo_sk int,
    ws_sold_date_sk int, ws_sold_time_sk int, ws_warehouse_sk int, ws_web_page_sk int, ws_web_site_sk int,
    ws_wh text);
create table web_site (web_company_name text, web_cumulative text, web_page text, web_returns text, web_sales
    text, web_site text, web_site_sk int, web_v1 text);
