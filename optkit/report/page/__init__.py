"""What a report page says, as values: sections of tables, pictures and charts. `report/html` and Markdown render it."""
