-- Texts that a model server had been asked for when it went down and stayed away. They are asked for last and one by
-- one, so that they hold up no others, and one that takes the server down by itself is found.

CREATE TABLE suspects (
    model        text NOT NULL REFERENCES models ON DELETE CASCADE,
    content_hash bytea NOT NULL,
    alone        integer NOT NULL DEFAULT 0,  -- how often it was the only one
    PRIMARY KEY (model, content_hash)
);
