#compdef assetctl

_assetctl_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _ASSETCTL_COMPLETE=complete_zsh assetctl)
}

compdef _assetctl_completion assetctl
