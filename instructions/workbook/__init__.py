"""People's labels: from a lab's own workbook to a source, agreement statistics and a sheet for adjudication."""
