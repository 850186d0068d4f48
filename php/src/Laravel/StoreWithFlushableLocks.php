<?php

declare(strict_types=1);

namespace Pillion\Bridge\Laravel;

use Illuminate\Contracts\Cache\CanFlushLocks;

/**
 * The store for versions of Laravel that can flush locks.
 */
final class StoreWithFlushableLocks extends Store implements CanFlushLocks {}
