<?php

/*
 * Functions of the namespace Pillion\Metrics: the page of metrics. For IDEs and static analysers; not loaded where the
 * extension is.
 */

declare(strict_types=1);

namespace Pillion\Metrics;

/**
 * The metrics of this host in Prometheus's text format, version 0.0.4. The numbers are those of all processes that
 * share `pillion.run_dir`, also of those that have ended, so any worker may answer the scrape:
 *
 * ```php
 * header('Content-Type: text/plain; version=0.0.4; charset=utf-8');
 * echo Pillion\Metrics\render();
 * ```
 *
 * Every series exists from the start, at 0. Starts no thread. A part of the host that can't be opened, because a
 * setting is invalid for one, has zeros.
 */
function render(): string
{
    throw new \Error('the extension pillion is not loaded');
}
