"""Values of tables and sentences: looked up, counted, compared, added up."""
