-- The books: chapters of each contract's story, what was heard in them, and journals that balance.

-- What was billed before there were books has no chapter that could explain it.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM billing_transaction) THEN
        RAISE EXCEPTION 'this database has billing transactions from before the ledger; keep it as '
            'an archive, start with an empty database, and set each legal entity''s go_live to the '
            'first day that is not billed yet';
    END IF;
END $$;

CREATE TABLE book_chapter (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    contract_id UUID NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    told_on TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    decision JSONB,
    locked JSONB NOT NULL,
    rates_through BIGINT DEFAULT 0 NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT book_chapter_pkey PRIMARY KEY (id),
    CONSTRAINT book_chapter_key_key UNIQUE (key)
);
CREATE INDEX book_chapter_contract_idx ON book_chapter (contract_id, id);
COMMENT ON COLUMN book_chapter.told_on IS 'the moment of the decision, in the books'' own time';
COMMENT ON COLUMN book_chapter.decision IS 'empty: the books were only brought up to date';
COMMENT ON COLUMN book_chapter.locked IS 'the last closed period, by legal entity';

CREATE TABLE book_fact (
    chapter_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    key TEXT NOT NULL,
    body JSONB NOT NULL,
    CONSTRAINT book_fact_pkey PRIMARY KEY (chapter_id, number),
    CONSTRAINT book_fact_key_key UNIQUE (key),
    CONSTRAINT book_fact_chapter_id_fkey FOREIGN KEY(chapter_id) REFERENCES book_chapter (id)
);

CREATE TABLE book_work (
    item_id UUID NOT NULL,
    chapter_id BIGINT NOT NULL,
    revision INTEGER NOT NULL,
    effect TEXT NOT NULL,
    role TEXT DEFAULT '' NOT NULL,
    CONSTRAINT book_work_pkey PRIMARY KEY (item_id, chapter_id),
    CONSTRAINT book_work_effect_check CHECK (effect IN ('approved', 'gone', 'submitted')),
    CONSTRAINT book_work_item_id_fkey FOREIGN KEY(item_id) REFERENCES work_item (id),
    CONSTRAINT book_work_chapter_id_fkey FOREIGN KEY(chapter_id) REFERENCES book_chapter (id)
);
COMMENT ON COLUMN book_work.role IS 'the contract''s name of the role, as it was mapped when it was heard';
CREATE INDEX book_work_chapter_idx ON book_work (chapter_id);

CREATE TABLE work_item_archive (
    item_id UUID NOT NULL,
    revision INTEGER NOT NULL,
    body JSONB NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT work_item_archive_pkey PRIMARY KEY (item_id, revision),
    CONSTRAINT work_item_archive_item_id_fkey FOREIGN KEY(item_id) REFERENCES work_item (id)
);
COMMENT ON COLUMN work_item_archive.body IS 'an item as the books heard it, since changed';

CREATE TABLE exchange_rate (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    base TEXT NOT NULL,
    quote TEXT NOT NULL,
    rate_on DATE NOT NULL,
    rate NUMERIC NOT NULL,
    source TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT exchange_rate_pkey PRIMARY KEY (id),
    CONSTRAINT exchange_rate_rate_check CHECK (rate > 0),
    CONSTRAINT exchange_rate_pair_check CHECK (base <> quote)
);
CREATE INDEX exchange_rate_pair_idx ON exchange_rate (base, quote, rate_on);
COMMENT ON COLUMN exchange_rate.rate IS 'units of quote for one of base';

CREATE TABLE book_state (
    contract_id UUID NOT NULL,
    chapter_id BIGINT NOT NULL,
    digest TEXT NOT NULL,
    journals INTEGER NOT NULL,
    transactions INTEGER NOT NULL,
    CONSTRAINT book_state_pkey PRIMARY KEY (contract_id),
    CONSTRAINT book_state_chapter_id_fkey FOREIGN KEY(chapter_id) REFERENCES book_chapter (id)
);

CREATE TABLE journal_entry (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chapter_id BIGINT NOT NULL,
    number INTEGER NOT NULL,
    contract_id UUID NOT NULL,
    legal_entity TEXT NOT NULL,
    posted_on DATE NOT NULL,
    period TEXT NOT NULL,
    currency TEXT NOT NULL,
    document_currency TEXT NOT NULL,
    event TEXT NOT NULL,
    service_period TEXT DEFAULT '' NOT NULL,
    reverses BIGINT,
    owner TEXT NOT NULL,
    document TEXT DEFAULT '' NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT journal_entry_pkey PRIMARY KEY (id),
    CONSTRAINT journal_entry_chapter_id_contract_id_number_key UNIQUE (chapter_id, contract_id, number),
    CONSTRAINT journal_entry_id_currency_document_currency_key UNIQUE (id, currency, document_currency),
    CONSTRAINT journal_entry_owner_check CHECK (owner IN ('engine', 'erp', 'tax_engine')),
    CONSTRAINT journal_entry_period_check CHECK (to_char(posted_on, 'YYYY-MM') = period),
    CONSTRAINT journal_entry_chapter_id_fkey FOREIGN KEY(chapter_id) REFERENCES book_chapter (id),
    CONSTRAINT journal_entry_reverses_fkey FOREIGN KEY(reverses) REFERENCES journal_entry (id)
);
CREATE INDEX journal_entry_contract_idx ON journal_entry (contract_id, id);
CREATE INDEX journal_entry_period_idx ON journal_entry (legal_entity, period);
COMMENT ON COLUMN journal_entry.number IS 'within its chapter and contract';

CREATE TABLE journal_line (
    journal_id BIGINT NOT NULL,
    line_no INTEGER NOT NULL,
    account TEXT NOT NULL,
    amount NUMERIC NOT NULL,
    currency TEXT NOT NULL,
    document_amount NUMERIC NOT NULL,
    document_currency TEXT NOT NULL,
    contract TEXT DEFAULT '' NOT NULL,
    item TEXT DEFAULT '' NOT NULL,
    CONSTRAINT journal_line_pkey PRIMARY KEY (journal_id, line_no),
    CONSTRAINT journal_line_journal_id_currency_document_currency_fkey FOREIGN KEY(journal_id, currency, document_currency) REFERENCES journal_entry (id, currency, document_currency)
);
CREATE INDEX journal_line_account_idx ON journal_line (account, contract);

CREATE TABLE revenue_schedule (
    chapter_id BIGINT NOT NULL,
    contract_id UUID NOT NULL,
    line_id TEXT NOT NULL,
    as_of DATE NOT NULL,
    to_date NUMERIC NOT NULL,
    estimate NUMERIC NOT NULL,
    revenue_to_date NUMERIC NOT NULL,
    revenue_in_period NUMERIC NOT NULL,
    billed_to_date NUMERIC NOT NULL,
    loss_provision NUMERIC NOT NULL,
    CONSTRAINT revenue_schedule_pkey PRIMARY KEY (chapter_id, contract_id, line_id),
    CONSTRAINT revenue_schedule_chapter_id_fkey FOREIGN KEY(chapter_id) REFERENCES book_chapter (id)
);

-- Transactions of fees have no entry; everything says who pays, by which entity, and in which
-- chapter it came about.
ALTER TABLE billing_transaction
    ALTER COLUMN item_id DROP NOT NULL,
    ALTER COLUMN item_version DROP NOT NULL,
    ALTER COLUMN approved_at DROP NOT NULL,
    ADD COLUMN chapter_id BIGINT NOT NULL,
    ADD COLUMN customer UUID NOT NULL,
    ADD COLUMN legal_entity TEXT NOT NULL,
    ADD COLUMN discount NUMERIC DEFAULT 0 NOT NULL,
    ADD COLUMN net NUMERIC NOT NULL,
    ADD COLUMN measure NUMERIC NOT NULL,
    ADD COLUMN fx NUMERIC,
    ADD COLUMN beaten JSONB NOT NULL,
    ADD COLUMN limits JSONB NOT NULL,
    ADD COLUMN credit_to TEXT DEFAULT '' NOT NULL,
    ADD COLUMN concession BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN service_period TEXT NOT NULL,
    ADD CONSTRAINT billing_transaction_chapter_id_fkey FOREIGN KEY (chapter_id) REFERENCES book_chapter (id),
    DROP CONSTRAINT billing_transaction_quantity_check,
    ADD CONSTRAINT billing_transaction_quantity_check CHECK (item_id IS NULL OR (credits IS NULL AND quantity > 0) OR (credits IS NOT NULL AND quantity <= 0)),
    ADD CONSTRAINT billing_transaction_version_check CHECK ((item_id IS NULL) = (item_version IS NULL));
COMMENT ON COLUMN billing_transaction.measure IS 'in contract currency, before discount: what limits count';
COMMENT ON COLUMN billing_transaction.limits IS 'what it consumes of each limit';
COMMENT ON COLUMN billing_transaction.beaten IS 'the rate rows that would have applied, had none stronger been there';
CREATE INDEX billing_transaction_contract_idx ON billing_transaction (contract_id, chapter_id);

ALTER TABLE invoice
    ADD COLUMN type TEXT DEFAULT 'invoice' NOT NULL,
    ADD COLUMN contract_id UUID NOT NULL,
    ADD COLUMN credits UUID,
    ADD COLUMN discount NUMERIC DEFAULT 0 NOT NULL,
    ADD COLUMN posted_in BIGINT,
    ADD CONSTRAINT invoice_type_check CHECK (type IN ('invoice', 'credit_note')),
    ADD CONSTRAINT invoice_credits_fkey FOREIGN KEY (credits) REFERENCES invoice (id),
    ADD CONSTRAINT invoice_posted_in_fkey FOREIGN KEY (posted_in) REFERENCES book_chapter (id);
COMMENT ON COLUMN invoice.posted_in IS 'the chapter that posted it in our ledger';

ALTER TABLE invoice_line ADD COLUMN taxed_on DATE;
COMMENT ON COLUMN invoice_line.taxed_on IS 'the day whose tax holds; empty: the end of the service';

-- A part held is named by its entry and portion of a run; what holds it may be a cap.
ALTER TABLE hold
    ADD COLUMN amount NUMERIC DEFAULT 0 NOT NULL,
    ADD COLUMN currency TEXT DEFAULT '' NOT NULL;
