-- The column is named as Dagster names what it holds. Its values stay, so nothing is parsed anew.
ALTER TABLE documents RENAME COLUMN recipe TO code_version;
ALTER TABLE pageless_items RENAME COLUMN recipe TO code_version;
