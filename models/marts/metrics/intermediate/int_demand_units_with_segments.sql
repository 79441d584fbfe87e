{{ with_custom_segments('fct_demand_units', 'records.demand_unit_id') }}
