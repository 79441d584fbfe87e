{#- dbt must know what a model reads before it knows the sources, so that they cannot be looped over -#}
{% macro raw_tables() %}
    {{ return([
        ('crm_deal', 'deals'),
        ('crm_lead', 'leads'),
        ('crm_contact', 'contacts'),
        ('crm_company', 'companies'),
        ('crm_deal_stage_history', 'deal_stage_history'),
        ('crm_lead_status_history', 'lead_status_history'),
        ('crm_activity', 'activities'),
        ('openline_message', 'openline_messages'),
        ('telephony_call', 'calls'),
        ('crm_status', 'statuses'),
        ('crm_category', 'pipelines'),
        ('crm_currency', 'currencies'),
        ('users', 'users'),
        ('departments', 'departments'),
        ('tasks', 'tasks'),
    ]) }}
{% endmacro %}
