{{ typed_raw_table('crm_deal') }}
