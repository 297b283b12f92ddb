"""A library on a PostgreSQL server with pgvector, which several Docents read and write at once.

It is imported for a library with a URL alone; psycopg comes with the extra ``postgres``.
"""
