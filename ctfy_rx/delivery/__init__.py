"""One source, many consumers: each gets every item, in order, and none of them hurts or holds up another.

How it works, and the rules that keep it so:

*Threads.* Anybody may subscribe, dispose or close, on any thread, at any moment, also inside of a callback.
Items come from one thread or one task at a time; should a second one come, it leaves its item to the first.

*In turn.* What is delivered waits in a queue, and whoever finds nobody at it delivers until the queue is
empty: that is `ctfy_rx.threads.turns`, on which `Hub` and `StatusSubject` stand. Nobody waits for a delivery
to end, so a callback may do whatever it likes to the stream that called it, and is called again only after it
returned.

*Locks* guard decisions (who is subscribed, who opens, who was the last), never a callback, a connection or a
disposal: those happen after the lock was let go. So at most two are held at once, and always in this order:

    `Shared` or `Cold`, what is open for whom  ->  `Hub`, who is a member

All others (`Pipeline`, `StatusSubject`, `Receipts`) are held alone. The lock of a delivery is only tried,
never waited for, and so stands in no order; that of a `Cold` subscriber is held while its source delivers.
Locks that a garbage collection may ask for once more, since it disposes what was forgotten, are reentrant.

*Slow ones.* All callbacks of a stream run on one thread, so one that takes long holds up the others, and
never the socket: another thread reads on, into a bounded buffer (`ctfy_rx.threads.lead`). The log names it,
and one that does not return is seen by who reads on (`standstill`); `operators.buffered` puts what follows on
a thread of its own. On an event loop nobody can do that: there the status says that it lags.

*Ends.* An end is an item: it comes after those before it, once. `close` discards what waits, then ends.
"""
