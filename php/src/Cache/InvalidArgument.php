<?php

declare(strict_types=1);

namespace Pillion\Bridge\Cache;

use Psr\Cache\InvalidArgumentException;

final class InvalidArgument extends \InvalidArgumentException implements InvalidArgumentException {}
