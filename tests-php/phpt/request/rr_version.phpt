--TEST--
rr_version is a release, master or a commit
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$good = ['v2025.1.2', ' v2025.1.2 ', 'v1.2.3-beta.1+x', 'v2024.1.0 and more', 'master', 'abcdef0', str_repeat('a', 40)];
foreach ($good as $version) {
    var_dump(strlen(Pillion\Velox\key(request(['rr_version' => $version]))));
}
$bad = ['', ' ', null, 'latest', 'main', '2025.1.2', 'v2025.1', 'v2025.1.', 'ABCDEF0', 'abcdef', str_repeat('a', 41),
    7, 7.5, true, [], ['v' => 1], "v1.2.3\0", "v1.2.\t3", "\xff", str_repeat('v1.2.3', 700)];
foreach ($bad as $version) {
    thrown(fn () => Pillion\Velox\key(request(['rr_version' => $version])));
}
?>
--EXPECT--
int(16)
int(16)
int(16)
int(16)
int(16)
int(16)
int(16)
Pillion\InvalidRequestException(200): rr_version: missing required field: rr_version
Pillion\InvalidRequestException(200): rr_version: missing required field: rr_version
Pillion\InvalidRequestException(200): rr_version: missing required field: rr_version
Pillion\InvalidRequestException(200): rr_version: must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)
Pillion\InvalidRequestException(200): rr_version: must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)
Pillion\InvalidRequestException(200): rr_version: must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)
Pillion\InvalidRequestException(200): rr_version: must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)
Pillion\InvalidRequestException(200): rr_version: must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)
Pillion\InvalidRequestException(200): rr_version: must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)
Pillion\InvalidRequestException(200): rr_version: must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)
Pillion\InvalidRequestException(200): rr_version: must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)
Pillion\InvalidRequestException(200): rr_version: must be a string, not a number
Pillion\InvalidRequestException(200): rr_version: must be a string, not a number
Pillion\InvalidRequestException(200): rr_version: must be a string, not a boolean
Pillion\InvalidRequestException(200): rr_version: must be a string, not a list
Pillion\InvalidRequestException(200): rr_version: must be a string, not an object
Pillion\InvalidRequestException(200): rr_version: must not contain control characters
Pillion\InvalidRequestException(200): rr_version: must not contain control characters
Pillion\InvalidRequestException(200): rr_version: must be valid UTF-8
Pillion\InvalidRequestException(200): rr_version: must be at most 4096 bytes long, and is 4200
