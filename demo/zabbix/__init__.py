"""The simulated Zabbix: the made-up company's monitoring in the words of Zabbix's API.

Its hosts stand in racks and carry the services of the company's teams; a part of its incidents
begins soon after a team has resolved an issue. What a Zabbix is known for is in there: a recovery
that closes several problems, problems whose trigger is gone, values that come late, flapping,
closing by hand, maintenance, hosts without an inventory, hostile and Cyrillic texts.
"""
