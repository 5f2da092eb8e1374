-- Which embedder gives a model's vectors (ollama, openai, embedded), so that search can use whatever model is active.
-- NULL: not known, which is the one that is configured.

ALTER TABLE models ADD COLUMN embedder text;
