"""Generated from the spec by `cgo project generate`. Do not edit: write your code in `app/controllers`."""
