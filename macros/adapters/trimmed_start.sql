{#- the first characters of a text, without the spaces around them -#}
{% macro trimmed_start(text, characters) -%}
    {{ return(adapter.dispatch('trimmed_start', 'bitrix24_effectiveness')(text, characters)) }}
{%- endmacro %}

{% macro default__trimmed_start(text, characters) -%}
    {{ trimmed('left(' ~ text ~ ', ' ~ characters ~ ')') }}
{%- endmacro %}

{#- nearly all raw texts are short, of ASCII and without a space: seen at once, where left() and trim() walk through them -#}
{% macro duckdb__trimmed_start(text, characters) -%}
    case
                when strlen({{ text }}) <= least(length({{ text }}), {{ characters }}) and not contains({{ text }}, ' ')
                    then {{ text }}
                else {{ bitrix24_effectiveness.default__trimmed_start(text, characters) }}
            end
{%- endmacro %}
