//! What is measured, in the order of BENCHMARKS.md: each by a bench of its own crate.

/// One bench: its title, what it is about, and the command that prints its table.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) command: &'static [&'static str],
}

pub(super) const SECTIONS: &[Section] = &[
    Section {
        title: "The engine",
        about: "604,800 blocks (fourteen days of Base) with 1,000,000 events: 85 % swaps with their fees replayed, 10 % adds and \
                removes, 5 % hand-overs, the ledger's checks of every event included. `ledger` has no campaign, the other rows \
                one of each scoring that they name, on one tracker. At once: pages of 16,384 events, as whoever replays a chain has \
                them, on all cores. One by one: on one core, each event right after it was made, so that what it touches is in the \
                cache already. Setting the positions up is not counted.",
        command: &["bench", "--package", "accrual-rewards", "--bench", "engine"],
    },
    Section {
        title: "Reward trees",
        about: "A tree in Merkl's form of a million leaves, and all its proofs. The bar is 3 s and 500 MB.",
        command: &["bench", "--package", "accrual-rewards", "--bench", "tree"],
    },
    Section {
        title: "The key check",
        about: "Reading a key's text, its MAC, finding it in the table, its standing and the comparison in constant time. \
                The bar is 2 microseconds whatever the number of keys.",
        command: &["bench", "--package", "accrual-access", "--bench", "key_check"],
    },
    Section {
        title: "Admission",
        about: "The processor's time for all that happens to a call before its handler and behind its answer: the key read \
                from the headers and checked, the plan, the minute, the month, the headers about them, and the count. And \
                how long a new key takes until it can be used, on SQLite in a file.",
        command: &["bench", "--package", "accrual-api", "--bench", "admission"],
    },
    Section {
        title: "Calls",
        about: "The server beside a bare axum handler that sends the same bytes, each asked over 64 connections by one thread \
                on the same two cores, while a block comes every two seconds. The bar is 60 % of the bare handler's calls, \
                and 5 ms for 99 of 100 calls at half of ours.",
        command: &["bench", "--package", "accrual-api", "--bench", "load", "--", "calls"],
    },
    Section {
        title: "Streams",
        about: "2,000 streams that only wait, each told of a block every two seconds. The bar is 200 MB for the server.",
        command: &["bench", "--package", "accrual-api", "--bench", "load", "--", "streams"],
    },
    Section {
        title: "Charts",
        about: "Histories of 14 days over three pools with a campaign of 1,000 accounts each, one call at a time: the first, for which \
                the answer is made, and those after it at the same block.",
        command: &["bench", "--package", "accrual-api", "--bench", "history"],
    },
    Section {
        title: "The store",
        about: "1,000,000 swaps in transactions of 50,000 on SQLite (WAL, `synchronous = FULL`) and on PostgreSQL (`fsync` on), read \
                back and decoded. Median of five runs (lowest to highest).",
        command: &["bench", "--package", "accrual-tests", "--bench", "store"],
    },
    Section {
        title: "Indexing a chain of our own, and the report after it",
        about: "The simulated chain of the fault tests without its weather, over real HTTP: one pool of four with a campaign over all \
                of the chain, default configuration. `accrual index` from nothing to the head, then `accrual report`: both \
                together are what it takes from a new machine to an answer. Calls are single ones, of a batch each. Each way in turn \
                with the raw download of the same logs, median of five runs (lowest to highest); of the memory, the most.",
        command: &["bench", "--package", "accrual-tests", "--bench", "index"],
    },
    Section {
        title: "Live",
        about: "From the moment a node on loopback has a block to the moment an open stream tells of it, and a plain call has it: \
                `accrual run` on SQLite follows 21 pools (the rehearsal's three under seven names). The bar is a median of 100 ms, \
                300 ms for 99 of 100, and 10 % busy.",
        command: &["bench", "--package", "accrual-tests", "--bench", "live"],
    },
];
