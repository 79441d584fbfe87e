{{ typed_raw_table('crm_deal_stage_history') }}
