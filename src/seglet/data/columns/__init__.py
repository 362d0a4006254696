"""Offline columns: values computed once per image, stored under the hash of how they were made, cropped with views."""
