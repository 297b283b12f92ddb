"""Who may do what over HTTP: sessions, what users may ask for, and the application that each of them has."""
