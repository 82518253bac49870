"""Where weights come from: releases, the hub, and how they are pulled."""
