"""The DataLens dashboard as a file: `layout.yml` and the dbt manifest in, a workbook out."""
