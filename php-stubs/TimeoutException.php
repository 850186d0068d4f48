<?php

/*
 * Pillion\TimeoutException. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 400: a timeout has passed. If it was that of {@see Future::wait()}, the job goes on; if it was that of a build,
 * the build has failed.
 */
final class TimeoutException extends Exception
{
}
