<?php

declare(strict_types=1);

/**
 * What the examples ask for: a RoadRunner with the plugins that serve PHP over HTTP, in the versions which
 * RoadRunner 2025.1.9 itself is made of, for the machine that runs this.
 */

return [
    'rr_version' => 'v2025.1.9',
    'plugins' => [
        ['module_name' => 'github.com/roadrunner-server/logger/v5', 'tag' => 'v5.1.9'],
        ['module_name' => 'github.com/roadrunner-server/rpc/v5', 'tag' => 'v5.1.9'],
        ['module_name' => 'github.com/roadrunner-server/server/v5', 'tag' => 'v5.2.10'],
        ['module_name' => 'github.com/roadrunner-server/http/v5', 'tag' => 'v5.3.0'],
    ],
];
