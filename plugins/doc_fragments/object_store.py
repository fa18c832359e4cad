# Copyright: arcodange.erp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  s3_endpoint:
    description:
      - Address of the S3-compatible store, for example V(https://storage.googleapis.com).
      - Without it, the address of Amazon S3 in O(s3_region) is used.
    type: str
  s3_region:
    description: Region that requests are signed for.
    type: str
    default: us-east-1
  s3_bucket:
    description: Bucket that holds the restore points. It must exist.
    type: str
    required: true
  s3_prefix:
    description: What every key begins with, without a slash at either end, for example V(erp/prod).
    type: str
    required: true
  s3_access_key:
    description:
      - Access key (at Google Cloud Storage, the access id of an HMAC key).
      - Read from the environment variable E(AWS_ACCESS_KEY_ID) when absent; no other credential is ever picked up by itself.
    type: str
  s3_secret_key:
    description: Secret key. Read from the environment variable E(AWS_SECRET_ACCESS_KEY) when absent.
    type: str
  s3_credentials_file:
    description: An AWS shared credentials file whose profile C(default) is used instead of O(s3_access_key) and O(s3_secret_key).
    type: path
  s3_addressing_style:
    description: Whether the bucket's name travels in the path or in the host name of the address.
    type: str
    choices: [auto, path, virtual]
    default: auto
  s3_ca_bundle:
    description: Certificates of the authorities to trust, as a PEM file. The system's are used when absent.
    type: path
  s3_checksums:
    description:
      - When to send the additional checksums of the S3 protocol. Many S3-compatible stores refuse them with C(SignatureDoesNotMatch).
      - Integrity never rests on them, every object is proven by its own digests.
    type: str
    choices: [when_required, when_supported]
    default: when_required
  s3_conditional_writes:
    description:
      - Whether objects that must not be overwritten are written with the condition C(If-None-Match).
      - A store that accepts the condition and ignores it is noticed and reported. Set V(false) only for a store that refuses it.
    type: bool
    default: true
  s3_max_parts:
    description: Largest number of parts the store accepts in one multipart upload. Parts grow so that any stream fits.
    type: int
    default: 10000
requirements:
  - boto3 >= 1.36
"""
