"""Addresses: of databases and servers, of pages for people, and the ports that pages stand on."""
