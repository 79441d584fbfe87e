"""A portal of Bitrix24 -> the raw tables, by its REST API and an incoming webhook.

`loading` imports dlt, which takes a second: the command imports it when it is needed.
"""
