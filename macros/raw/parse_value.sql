{% macro parse_value(column, raw_type) %}
    {%- set parsers = {
        'id': parse_id,
        'link': parse_link,
        'owner': parse_owner,
        'key': parse_key,
        'word': parse_word,
        'code': parse_key,
        'dictionary': parse_dictionary,
        'number': parse_number,
        'timestamp': parse_timestamp,
        'flag': parse_flag,
        'semantic': parse_semantic,
    } -%}
    {{ return(parsers[raw_type](column) | trim if raw_type in parsers else column) }}
{% endmacro %}
