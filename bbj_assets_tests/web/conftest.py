from bbj_assets_tests.web.site_fixtures import retry_at_once, site

__all__ = ["retry_at_once", "site"]
