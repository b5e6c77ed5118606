"""Generated from the spec by `cgo project generate`. Do not edit: write your tests beside this folder."""
