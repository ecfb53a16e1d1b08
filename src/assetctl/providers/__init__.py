"""The provider stack: cache, library, generator, placeholder, each behind `base.AssetProvider`."""
