<?php

/*
 * Pillion\TimeoutException. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 400: a time was over. Where it was the time given to {@see Future::wait()}, the work goes on; where it was that of
 * a build, the build has failed.
 */
final class TimeoutException extends Exception
{
}
