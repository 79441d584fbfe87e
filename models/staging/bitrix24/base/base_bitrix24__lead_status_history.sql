{{ typed_raw_table('crm_lead_status_history') }}
