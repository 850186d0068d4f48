<?php

/*
 * Pillion\Future. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * PHP's handle on one piece of background work. Functions such as {@see Velox\build()} return it; `new`, `clone` and
 * `serialize()` throw.
 *
 * Dropping it costs nothing and stops nothing: the work goes on, and its result is dropped. It is of use in the thread
 * and process that got it.
 *
 * @template-covariant T
 */
final class Future
{
    private function __construct()
    {
    }

    /**
     * The name of the work, unique in this process: decimal digits.
     */
    public function id(): string
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * Whether it has ended: with a value, with an error or by {@see cancel()}. Never waits.
     */
    public function isDone(): bool
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * Waits for the end: returns the value, or throws what went wrong. As often as you like; each call gives an equal
     * value or an equal exception.
     *
     * Signals are served meanwhile (`pcntl_async_signals`), and so is PHP's time limit; an exception that a signal
     * handler throws ends the wait, and the work goes on.
     *
     * @param float|null $timeout seconds, 0 and more; 0 only looks, null waits without end
     *
     * @return T
     *
     * @throws TimeoutException code 400: the time was over before the work was, which goes on; or the work itself took
     *     longer than it may (then {@see isDone()} is true)
     * @throws CancelledException code 500: it was cancelled
     * @throws StateException code 800: it belongs to the process that this one was forked from
     * @throws Exception whatever else went wrong with the work
     * @throws \ValueError the timeout is negative or not a number
     */
    public function wait(?float $timeout = null): mixed
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * Stops the work. A build that others wait for too goes on for them.
     *
     * @return bool true: it had not ended, and {@see wait()} now throws {@see CancelledException}; false: it had ended
     */
    public function cancel(): bool
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * Where it stands. Never waits.
     *
     * @return 'pending'|'running'|'done'|'failed'|'cancelled'
     */
    public function state(): string
    {
        throw new \Error('the extension pillion is not loaded');
    }
}
