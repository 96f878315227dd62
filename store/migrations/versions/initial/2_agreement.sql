-- What was agreed: engagements, clients, projects, contract versions, links to outside.

CREATE TABLE client (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    vat_id TEXT DEFAULT '' NOT NULL,
    body JSONB NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT client_pkey PRIMARY KEY (id),
    CONSTRAINT client_code_key UNIQUE (code)
);
CREATE INDEX client_name_folded_idx ON client (name_folded);
CREATE INDEX client_vat_id_idx ON client (vat_id)
    WHERE vat_id <> '';

CREATE TABLE engagement (
    id TEXT NOT NULL,
    deal_system TEXT NOT NULL,
    deal_kind TEXT NOT NULL,
    deal_id TEXT NOT NULL,
    stage TEXT DEFAULT 'received' NOT NULL,
    legal_entity TEXT DEFAULT '' NOT NULL,
    project_code TEXT DEFAULT '' NOT NULL,
    client_name TEXT DEFAULT '' NOT NULL,
    deal JSONB,
    report JSONB,
    status_version BIGINT DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT engagement_pkey PRIMARY KEY (id),
    CONSTRAINT engagement_deal_system_deal_kind_deal_id_key UNIQUE (deal_system, deal_kind, deal_id),
    CONSTRAINT engagement_stage_check CHECK (stage IN ('received', 'in_validation', 'setting_up', 'active', 'closed', 'cancelled'))
);
CREATE INDEX engagement_entity_idx ON engagement (legal_entity, stage);
COMMENT ON COLUMN engagement.deal IS 'the deal as last read';
COMMENT ON COLUMN engagement.report IS 'its validation report';

CREATE TABLE identity_link (
    system TEXT NOT NULL,
    kind TEXT NOT NULL,
    external_id TEXT NOT NULL,
    noun TEXT NOT NULL,
    noun_id TEXT NOT NULL,
    linked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT identity_link_pkey PRIMARY KEY (system, kind, external_id)
);
CREATE INDEX identity_link_noun_idx ON identity_link (noun_id, system);

CREATE TABLE contract_version (
    contract_id UUID NOT NULL,
    version INTEGER NOT NULL,
    engagement_id TEXT NOT NULL,
    effective_from DATE NOT NULL,
    body JSONB NOT NULL,
    agreed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT contract_version_pkey PRIMARY KEY (contract_id, version),
    CONSTRAINT contract_version_engagement_id_contract_id_version_key UNIQUE (engagement_id, contract_id, version),
    CONSTRAINT contract_version_engagement_id_fkey FOREIGN KEY(engagement_id) REFERENCES engagement (id)
);

CREATE TABLE project (
    id UUID NOT NULL,
    engagement_id TEXT NOT NULL,
    client_id UUID NOT NULL,
    legal_entity TEXT NOT NULL,
    code TEXT NOT NULL,
    body JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT project_pkey PRIMARY KEY (id),
    CONSTRAINT project_legal_entity_code_key UNIQUE (legal_entity, code),
    CONSTRAINT project_engagement_id_key UNIQUE (engagement_id),
    CONSTRAINT project_engagement_id_fkey FOREIGN KEY(engagement_id) REFERENCES engagement (id),
    CONSTRAINT project_client_id_fkey FOREIGN KEY(client_id) REFERENCES client (id)
);
