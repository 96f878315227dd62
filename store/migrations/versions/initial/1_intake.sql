-- What arrives: notifications as they came, business events, and for whom they are.

CREATE TABLE business_event (
    id UUID NOT NULL,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    type TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    state TEXT NOT NULL,
    subject_system TEXT,
    subject_kind TEXT,
    subject_id TEXT,
    body JSONB NOT NULL,
    CONSTRAINT business_event_pkey PRIMARY KEY (id),
    CONSTRAINT business_event_source_external_id_key UNIQUE (source, external_id),
    CONSTRAINT business_event_state_check CHECK (state IN ('delivered', 'waiting', 'late', 'ignored'))
);
CREATE INDEX business_event_waiting_idx ON business_event (subject_system, subject_kind, subject_id)
    WHERE state = 'waiting';

CREATE TABLE feed_cursor (
    system TEXT NOT NULL,
    feed TEXT NOT NULL,
    cursor TEXT NOT NULL,
    moved_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT feed_cursor_pkey PRIMARY KEY (system, feed)
);

CREATE TABLE inbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source TEXT NOT NULL,
    notification_id TEXT NOT NULL,
    payload JSON NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT DEFAULT 'new' NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    available_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    handled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT inbox_pkey PRIMARY KEY (id),
    CONSTRAINT inbox_source_notification_id_key UNIQUE (source, notification_id),
    CONSTRAINT inbox_state_check CHECK (state IN ('new', 'done', 'dead'))
);
CREATE INDEX inbox_dead_idx ON inbox (id)
    WHERE state = 'dead';
CREATE INDEX inbox_new_idx ON inbox (id)
    WHERE state = 'new';

CREATE TABLE process (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT process_pkey PRIMARY KEY (id),
    CONSTRAINT process_state_check CHECK (state IN ('open', 'closed'))
);
COMMENT ON COLUMN process.id IS 'the id of a durable workflow';

CREATE TABLE news_taking (
    process TEXT NOT NULL,
    token TEXT NOT NULL,
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    taken_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT news_taking_pkey PRIMARY KEY (process, token),
    CONSTRAINT news_taking_process_fkey FOREIGN KEY(process) REFERENCES process (id)
);

CREATE TABLE period_lock (
    legal_entity TEXT NOT NULL,
    period TEXT NOT NULL,
    locked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    event_id UUID NOT NULL,
    CONSTRAINT period_lock_pkey PRIMARY KEY (legal_entity, period),
    CONSTRAINT period_lock_event_id_fkey FOREIGN KEY(event_id) REFERENCES business_event (id)
);

CREATE TABLE source_completion (
    project_system TEXT NOT NULL,
    project_kind TEXT NOT NULL,
    project_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    up_to TIMESTAMP WITH TIME ZONE NOT NULL,
    count BIGINT NOT NULL,
    quantity NUMERIC NOT NULL,
    cost NUMERIC NOT NULL,
    declared_at TIMESTAMP WITH TIME ZONE NOT NULL,
    event_id UUID NOT NULL,
    CONSTRAINT source_completion_pkey PRIMARY KEY (project_system, project_kind, project_id, kind, up_to),
    CONSTRAINT source_completion_kind_check CHECK (kind IN ('time', 'expense')),
    CONSTRAINT source_completion_event_id_fkey FOREIGN KEY(event_id) REFERENCES business_event (id)
);

CREATE TABLE event_delivery (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id UUID NOT NULL,
    recipient TEXT NOT NULL,
    run INTEGER DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    nudged_at TIMESTAMP WITH TIME ZONE,
    claimed_until TIMESTAMP WITH TIME ZONE,
    attempts INTEGER DEFAULT 0 NOT NULL,
    applied_by TEXT,
    applied_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT event_delivery_pkey PRIMARY KEY (id),
    CONSTRAINT event_delivery_recipient_applied_by_fkey FOREIGN KEY(recipient, applied_by) REFERENCES news_taking (process, token),
    CONSTRAINT event_delivery_event_id_recipient_key UNIQUE (event_id, recipient),
    CONSTRAINT event_delivery_event_id_fkey FOREIGN KEY(event_id) REFERENCES business_event (id),
    CONSTRAINT event_delivery_recipient_fkey FOREIGN KEY(recipient) REFERENCES process (id)
);
CREATE INDEX event_delivery_applied_idx ON event_delivery (recipient, applied_by);
CREATE INDEX event_delivery_unapplied_idx ON event_delivery (recipient, id)
    WHERE applied_by IS NULL;
CREATE INDEX event_delivery_unnudged_idx ON event_delivery (id)
    WHERE nudged_at IS NULL;
COMMENT ON COLUMN event_delivery.applied_by IS 'the token of the taking that applied it';
