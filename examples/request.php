<?php

declare(strict_types=1);

/**
 * The build request of the examples: a RoadRunner with the plugins that serve PHP over HTTP, in the versions of
 * RoadRunner 2025.1.9 itself, for the platform of this machine.
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
