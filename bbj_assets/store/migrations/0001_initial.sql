-- Natural keys, so that a row explains itself.

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE documents (
    source_url     text PRIMARY KEY,
    item           text NOT NULL,       -- the raw item that it came from; a Javadoc package gives many documents
    source         text NOT NULL,
    partition_key  text NOT NULL,
    title          text NOT NULL,
    doc_type       text NOT NULL,
    generations    text[] NOT NULL,
    deprecated     boolean NOT NULL DEFAULT false,
    display_url    text,
    section_path   text[] NOT NULL DEFAULT '{}',
    content_sha256 bytea NOT NULL,      -- of the raw bytes of the item
    recipe         text NOT NULL,       -- of everything else that decides what the chunks are
    dependencies   jsonb NOT NULL DEFAULT '{}',  -- other files that were read for it: {path: sha256}
    etag           text,
    last_modified  text,
    metadata       jsonb NOT NULL DEFAULT '{}',
    run_id         text,
    ingested_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX documents_source_partition ON documents (source, partition_key);
CREATE INDEX documents_item ON documents (item);

-- Items that were read and hold no page, such as a .txt that is no program. Five tables would do without it, but then
-- each of them is parsed again in every run, and starting a parser costs more than all else of a run without changes
-- (0.4 of 0.6 seconds).
CREATE TABLE pageless_items (
    item           text PRIMARY KEY,
    source         text NOT NULL,
    partition_key  text NOT NULL,
    content_sha256 bytea NOT NULL,
    recipe         text NOT NULL,
    dependencies   jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX pageless_items_source_partition ON pageless_items (source, partition_key);

CREATE TABLE chunks (
    source_url     text NOT NULL REFERENCES documents ON DELETE CASCADE,
    ordinal        integer NOT NULL,
    content        text NOT NULL,
    context_header text NOT NULL,
    content_hash   bytea NOT NULL,      -- sha256 of the text that is embedded
    token_count    integer NOT NULL,
    -- PostgreSQL's parser takes `window.title` and `bui/dwc` for a host and a path, one word each: split them.
    -- (Two replace() cost 4% of to_tsvector; one translate() of all punctuation doubled it.)
    search_vector  tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', replace(replace(context_header, '.', ' '), '/', ' ')), 'A')
        || to_tsvector('english', replace(replace(content, '.', ' '), '/', ' '))
    ) STORED,
    PRIMARY KEY (source_url, ordinal)
);
CREATE INDEX chunks_content_hash ON chunks (content_hash);
CREATE INDEX chunks_search_vector ON chunks USING gin (search_vector);

CREATE TABLE models (
    name           text PRIMARY KEY,
    dimensions     integer NOT NULL CHECK (dimensions BETWEEN 1 AND 16000),
    active         boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX models_one_active ON models (active) WHERE active;

CREATE TABLE embeddings (
    model          text NOT NULL REFERENCES models ON DELETE CASCADE,
    content_hash   bytea NOT NULL,
    embedding      vector NOT NULL,
    orphaned_at    timestamptz,         -- since when no chunk has this text; NULL while one has
    PRIMARY KEY (model, content_hash)
);
CREATE INDEX embeddings_orphaned ON embeddings (orphaned_at) WHERE orphaned_at IS NOT NULL;

CREATE TABLE failures (
    stage           text NOT NULL CHECK (stage IN ('parse', 'embed')),
    item            text NOT NULL,      -- of `parse` the item's key, of `embed` the content_hash in hex
    source          text NOT NULL,
    partition_key   text NOT NULL,
    error_type      text NOT NULL,
    error           text NOT NULL,
    attempts        integer NOT NULL DEFAULT 1,
    first_failed_at timestamptz NOT NULL DEFAULT now(),
    last_failed_at  timestamptz NOT NULL DEFAULT now(),
    run_id          text,
    PRIMARY KEY (stage, item)
);
CREATE INDEX failures_source ON failures (source, partition_key);
