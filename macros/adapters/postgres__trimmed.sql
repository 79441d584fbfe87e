{#- trim() takes away plain spaces only here; these are the spaces of Unicode and the control characters -#}
{% macro postgres__trimmed(text) -%}
    btrim(
        {{ text }},
        U&' \0009\000A\000B\000C\000D\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\202F\205F\3000'
    )
{%- endmacro %}
