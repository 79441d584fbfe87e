{% macro trimmed(text) -%}
    {{ return(adapter.dispatch('trimmed', 'bitrix24_effectiveness')(text)) }}
{%- endmacro %}

{% macro default__trimmed(text) -%}
    trim({{ text }})
{%- endmacro %}

{#- trim() takes away plain spaces only here; these are the spaces of Unicode and the control characters -#}
{% macro postgres__trimmed(text) -%}
    btrim(
        {{ text }},
        U&' \0009\000A\000B\000C\000D\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\202F\205F\3000'
    )
{%- endmacro %}

{% macro spark__trimmed(text) -%}
    trim(
        both ' \u0009\u000A\u000B\u000C\u000D\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u202F\u205F\u3000'
        from {{ text }}
    )
{%- endmacro %}
