#!/usr/bin/env bash
# The gateway of remote artifacts before real object storage and real clients: SeaweedFS with identities on, boto3,
# minio-go, Turborepo and Nx; a storage that fails, kills, a full disk, an artifact of two gigabytes.

. "$(dirname "$0")/../lib.sh"
needs PHP_NTS PILLION_BIN S3 MINIO_CLIENT NODE_CLIENTS
here=$(dirname "$0")

TESTED_PHP=$PHP_NTS tests 'gateway' "$here"/{s3_writers,s3,storage_faults,clients,faults}.php
verdict
