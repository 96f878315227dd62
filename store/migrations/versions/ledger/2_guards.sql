-- What no code may break: the books are only added to, and every journal balances.

CREATE TRIGGER book_chapter_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON book_chapter
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER book_fact_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON book_fact
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER book_work_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON book_work
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER work_item_archive_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON work_item_archive
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER exchange_rate_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON exchange_rate
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_entry_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_line_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER revenue_schedule_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON revenue_schedule
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Debits equal credits, in the ledger's currency and in the document's, when the transaction
-- commits. A journal has two sides at least; who wrote it down cannot add to it later.
CREATE FUNCTION check_balance(journal bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    lines bigint; difference numeric; document_difference numeric;
BEGIN
    SELECT count(*), coalesce(sum(amount), 0), coalesce(sum(document_amount), 0)
    INTO lines, difference, document_difference
    FROM journal_line WHERE journal_id = journal;
    IF lines < 2 OR difference <> 0 OR document_difference <> 0 THEN
        RAISE EXCEPTION 'journal % does not balance: % lines, debits minus credits % (%)',
                journal, lines, difference, document_difference
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_balances';
    END IF;
END $$;

CREATE FUNCTION check_entry_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM check_balance(NEW.id);
    RETURN NULL;
END $$;

CREATE FUNCTION check_line_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT recorded_at <> now() FROM journal_entry WHERE id = NEW.journal_id) THEN
        RAISE EXCEPTION 'journal % is written down already: correct it by another one',
                NEW.journal_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_complete';
    END IF;
    PERFORM check_balance(NEW.journal_id);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER journal_entry_balances AFTER INSERT ON journal_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_entry_balance();
CREATE CONSTRAINT TRIGGER journal_line_balances AFTER INSERT ON journal_line
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_line_balance();

-- What the books heard of an item is kept, however often its source changes it.
CREATE FUNCTION archive_heard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO work_item_archive (item_id, revision, body)
    SELECT OLD.id, OLD.revision, OLD.body
    WHERE EXISTS (SELECT 1 FROM book_work h WHERE h.item_id = OLD.id AND h.revision = OLD.revision)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER work_item_archives AFTER UPDATE ON work_item
    FOR EACH ROW WHEN (OLD.revision IS DISTINCT FROM NEW.revision)
    EXECUTE FUNCTION archive_heard();

-- As before, and fees have no entry whose quantity could be credited too far.
CREATE OR REPLACE FUNCTION apply_billing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM work_item_balance
    WHERE item_id IN (SELECT item_id FROM arrived) ORDER BY item_id FOR NO KEY UPDATE;

    UPDATE work_item_balance b
    SET billed = b.billed + s.billed,
        credited = b.credited + s.credited,
        approved = greatest(b.approved - b.recall_pending, least(b.approved, s.net + b.billed - b.credited)),
        recall_pending = greatest(least(b.approved, s.net + b.billed - b.credited)
                                  - (b.approved - b.recall_pending), 0)
    FROM (
        SELECT item_id,
               coalesce(sum(quantity) FILTER (WHERE credits IS NULL), 0) AS billed,
               coalesce(-sum(quantity) FILTER (WHERE credits IS NOT NULL), 0) AS credited,
               sum(quantity) AS net
        FROM arrived WHERE item_id IS NOT NULL GROUP BY item_id
    ) s
    WHERE b.item_id = s.item_id;

    IF EXISTS (SELECT 1 FROM arrived WHERE credits IS NOT NULL) THEN
        IF EXISTS (
            SELECT 1 FROM billing_transaction t
            WHERE t.id IN (SELECT credits FROM arrived) AND t.item_id IS NOT NULL
              AND t.quantity + (SELECT sum(c.quantity) FROM billing_transaction c
                                WHERE c.credits = t.id) < 0
        ) THEN
            RAISE EXCEPTION 'a transaction would be credited by more than its quantity'
                USING ERRCODE = 'check_violation';
        END IF;
        UPDATE credit_proposal p SET state = 'credited', closed_at = now()
        FROM work_item_balance b
        WHERE p.item_id IN (SELECT item_id FROM arrived) AND p.state = 'open'
          AND b.item_id = p.item_id AND b.recall_pending = 0;
    END IF;
    RETURN NULL;
END $$;
