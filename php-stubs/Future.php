<?php

/*
 * Pillion\Future. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * PHP's handle on one piece of background work. Functions such as {@see Velox\build()} return it; `new`, `clone` and
 * `serialize()` throw.
 *
 * Freeing it stops nothing: the work goes on, and its result is dropped. It can be used only in the thread and process
 * that created it.
 *
 * @template-covariant T
 */
final class Future
{
    private function __construct()
    {
    }

    /**
     * The id of the job, unique in this process: decimal digits.
     */
    public function id(): string
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * Whether the job has ended: with a value, with an error or by {@see cancel()}. Never waits.
     */
    public function isDone(): bool
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * Waits for the end of the job, and returns its value or throws its error. May be called again: each call returns
     * an equal value or throws an equal exception.
     *
     * Signals (`pcntl_async_signals`) and PHP's time limit are handled meanwhile; an exception that a signal handler
     * throws ends the wait, and the job goes on.
     *
     * @param float|null $timeout seconds, 0 or more; 0 does not wait, null waits without limit
     *
     * @return T
     *
     * @throws TimeoutException code 400: the timeout has passed, and the job goes on; or the job itself has exceeded
     *     its own timeout (then {@see isDone()} is true)
     * @throws CancelledException code 500: the job was cancelled
     * @throws StateException code 800: the future belongs to the process that this one was forked from
     * @throws Exception any other error of the job
     * @throws \ValueError the timeout is negative or not a number
     */
    public function wait(?float $timeout = null): mixed
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * Cancels the job. A build that other callers wait for goes on for them.
     *
     * @return bool true: {@see wait()} now throws {@see CancelledException}; false: the job had ended before
     */
    public function cancel(): bool
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * The state of the job. Never waits.
     *
     * @return 'pending'|'running'|'done'|'failed'|'cancelled'
     */
    public function state(): string
    {
        throw new \Error('the extension pillion is not loaded');
    }
}
