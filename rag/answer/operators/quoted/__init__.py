"""What is found by its form: contacts, measures, entries, sections, signatures."""
