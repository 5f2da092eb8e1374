-- Full-text vectors hardly compress: trying to costs 7% of a load and saves no page.

ALTER TABLE chunks ALTER COLUMN search_vector SET STORAGE EXTERNAL;
