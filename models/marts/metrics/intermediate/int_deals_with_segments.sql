{{ with_custom_segments('fct_deals', "'deal_' || records.deal_id") }}
