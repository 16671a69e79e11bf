// Loaded into npm: whoever started the installation holds this pipe; at its end nobody waits for npm any more.
process.stdin.on('end', () => process.exit(1)).on('error', () => process.exit(1)).resume();
process.stdin.unref?.();
