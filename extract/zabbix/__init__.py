"""Zabbix: what only this monitoring has."""
