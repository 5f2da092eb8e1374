BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('29b539ebc72a');
CREATE TABLE asset_daemon_asset_evaluations (
	id INTEGER NOT NULL, 
	evaluation_id INTEGER, 
	asset_key TEXT, 
	asset_evaluation_body TEXT, 
	num_requested INTEGER, 
	num_skipped INTEGER, 
	num_discarded INTEGER, 
	create_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	PRIMARY KEY (id)
);
CREATE TABLE instigators (
	id INTEGER NOT NULL, 
	selector_id VARCHAR(255), 
	repository_selector_id VARCHAR(255), 
	status VARCHAR(63), 
	instigator_type VARCHAR(63), 
	instigator_body TEXT, 
	create_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	update_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	PRIMARY KEY (id), 
	UNIQUE (selector_id)
);
INSERT INTO "instigators" VALUES(1,'04eed57b91211e0721bd6bdf3e13b537c98347e2','1193e73789570425f0d3c059ae70ea89c5bdcdd1','STOPPED','SENSOR','{"__class__": "InstigatorState", "job_specific_data": {"__class__": "SensorInstigatorData", "cursor": "{\"__class__\": \"RunStatusSensorCursor\", \"record_id\": 30, \"record_timestamp\": \"2024-12-01T03:11:47.302308+00:00\", \"update_timestamp\": null}", "last_run_key": null, "last_sensor_start_timestamp": 1733022682.6889226, "last_tick_start_timestamp": 1733022718.436941, "last_tick_success_timestamp": 1733022719.202419, "last_tick_timestamp": 1733022718.436941, "min_interval": 1, "sensor_type": {"__enum__": "SensorType.RUN_STATUS"}}, "job_type": {"__enum__": "InstigatorType.SENSOR"}, "origin": {"__class__": "ExternalJobOrigin", "external_repository_origin": {"__class__": "ExternalRepositoryOrigin", "repository_location_origin": {"__class__": "GrpcServerRepositoryLocationOrigin", "host": "127.0.0.1", "location_name": "bbj_assets.definitions", "port": 40285, "socket": null}, "repository_name": "__repository__"}, "job_name": "retry_requests"}, "status": {"__enum__": "InstigatorStatus.STOPPED"}}','2024-12-01 03:11:22','2024-12-01 03:12:01.616776');
INSERT INTO "instigators" VALUES(2,'64b368595dadb265f3a0372542d4d5054660f1d8','1193e73789570425f0d3c059ae70ea89c5bdcdd1','DECLARED_IN_CODE','SENSOR','{"__class__": "InstigatorState", "job_specific_data": {"__class__": "SensorInstigatorData", "cursor": "0eJztWG1v2zYQ/iuFPg8BRYpv+1Y0HTAMG4btYxAQR/LoCLNlT6KyBIH/+05y3Lje1qZL4VqOP8U58l54D3V3fB4K58Icus654vs3xduuw3wJuFg27/q2W7bFd28KvIV5D7leNq6OtEtwEpJOdkvfYXuLrsU/e6T/c72gP7BYOX/vYLDl/sB7UnkgNwtYrepm5uqMi427q+s1WVq1eFsv+86FZRPr0U0YfXfDloe9APu8XIyxvNvu3gk0JQy5poA+BEI6pbaK2UoLe1EpWXK7jR5vscmbI0lJwmYZcet6OEDf1HSszYaHggNyMFElYwNDVVkoUYWIRoWgNQuPp/x0rL+Qi6d4A5A4QkbX9ZTJ/C8mhhz+vlkkhf2U7u/8iVaGjEK+GXJXJKjnfYtdMSZ6gBFJnmDe4SDAu9yCozzlQdz08zkJF5iBYoLBxbBpE1rn/qrzjdtZvLqmxdz23yT4QWKYEMmraIPgEpnXIKMwAFWIhLgS0wFkyOIJ4IEssWirUFmhuUylNSCCVSZINDLF6eBxIh+IVZHJZBkwWVagAXSJWgjtQSiMEo4RkFlfRxxr+cJjjNQv9o63Z4T0f4Nmht2v0OYx4O7JObl17bi6hWP1YZfrGlj90977u4xtA/PL+wYWdXiyeompbsaflwO8Q7uAxRDQJmTXDZ2H9hXr9fHfnJPI8njFwZelKFNMXlSxMtxIXjIvYtBJ6Yod4xV/YQ8oSBWH4eXjoWzP849N/vlR6X2T2/ttOrfuOBucbUztDkt7Zn6YL+HThrbTVSkuGBemXI9Xt57NsH1pjKXeNfZVomTmojIVM+ujLtwgFQTDJXjQFeoYaKwtjeeV9cJqOMrJ5iRKyrlwH6pwB1UKy1ny0mgRVKW4CUZQAQE0ie74MV7xLyncBT03g/dBqMS4D1DKSntJY7Gid4pRUBbHdK0+V5BCtBIrSWNjsDwCizwFSQ2XQzImnEf7gwMSo5dc0ocj6Kspk9amjNSDldWViaDsGZADA4IqmMoC85ZJ4RWil/SDRxEjRHoVnwE5JCAf0YqP5CTGb5RHWunn2Y1ydwPdoFRwbbxgJumSHixG+6E7ROoXOggrWaUK0jxTny8ApUNow42rm4h3k7zgnzvAVCnQ/z7XNGjQZ+EyQSr0VXwwZ0r0/LI+4SxPlRL9Cj3hTItOnhZ9TgE/U6PnAn7CWZ4qNfqlBXxa9OhzCtMUKdJXMfJPkSp9FcBMkTI9fWAOS50+I5//kz693j3HzsS9Bebqev03cPVqJQ==", "last_run_key": null, "last_sensor_start_timestamp": null, "last_tick_start_timestamp": null, "last_tick_success_timestamp": null, "last_tick_timestamp": 1733022739.442908, "min_interval": 1, "sensor_type": {"__enum__": "SensorType.AUTO_MATERIALIZE"}}, "job_type": {"__enum__": "InstigatorType.SENSOR"}, "origin": {"__class__": "ExternalJobOrigin", "external_repository_origin": {"__class__": "ExternalRepositoryOrigin", "repository_location_origin": {"__class__": "GrpcServerRepositoryLocationOrigin", "host": "127.0.0.1", "location_name": "bbj_assets.definitions", "port": 40285, "socket": null}, "repository_name": "__repository__"}, "job_name": "follow_all_sources"}, "status": {"__enum__": "InstigatorStatus.DECLARED_IN_CODE"}}','2024-12-01 03:11:22','2024-12-01 03:12:19.571091');
INSERT INTO "instigators" VALUES(3,'89f1eb28b9aeed5f61089f44237e281c6f3ef70c','1193e73789570425f0d3c059ae70ea89c5bdcdd1','DECLARED_IN_CODE','SENSOR','{"__class__": "InstigatorState", "job_specific_data": {"__class__": "SensorInstigatorData", "cursor": "[{\"grids\":\"FINGERPRINT_OF_GRIDS\",\"trees\":\"FINGERPRINT_OF_TREES\",\"\":\"e4a6a0577479b2b4\"},1733022729.606712,{\"trees\":1733022729.606712},20,1,1733022734.520927,20,\"e18f592656ffc33f\",false]", "last_run_key": "guide/e18f592656ffc33f/trees", "last_sensor_start_timestamp": 1733022682.9822757, "last_tick_start_timestamp": 1733022739.365378, "last_tick_success_timestamp": 1733022739.596736, "last_tick_timestamp": 1733022739.365378, "min_interval": 1, "sensor_type": {"__enum__": "SensorType.STANDARD"}}, "job_type": {"__enum__": "InstigatorType.SENSOR"}, "origin": {"__class__": "ExternalJobOrigin", "external_repository_origin": {"__class__": "ExternalRepositoryOrigin", "repository_location_origin": {"__class__": "GrpcServerRepositoryLocationOrigin", "host": "127.0.0.1", "location_name": "bbj_assets.definitions", "port": 40285, "socket": null}, "repository_name": "__repository__"}, "job_name": "follow_guide"}, "status": {"__enum__": "InstigatorStatus.DECLARED_IN_CODE"}}','2024-12-01 03:11:22','2024-12-01 03:12:19.611516');
CREATE TABLE job_ticks (
	id INTEGER NOT NULL, 
	job_origin_id VARCHAR(255), 
	selector_id VARCHAR(255), 
	status VARCHAR(63), 
	type VARCHAR(63), 
	timestamp TIMESTAMP, 
	tick_body TEXT, 
	create_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	update_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	PRIMARY KEY (id)
);
CREATE TABLE jobs (
	id INTEGER NOT NULL, 
	job_origin_id VARCHAR(255), 
	selector_id VARCHAR(255), 
	repository_origin_id VARCHAR(255), 
	status VARCHAR(63), 
	job_type VARCHAR(63), 
	job_body TEXT, 
	create_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	update_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	PRIMARY KEY (id), 
	UNIQUE (job_origin_id)
);
INSERT INTO "jobs" VALUES(1,'a0900edec7c79498473170cb38122c42370876a0','04eed57b91211e0721bd6bdf3e13b537c98347e2','fc91dcf4746a275d9b7661552875cc2ac5b1af21','STOPPED','SENSOR','{"__class__": "InstigatorState", "job_specific_data": {"__class__": "SensorInstigatorData", "cursor": "{\"__class__\": \"RunStatusSensorCursor\", \"record_id\": 30, \"record_timestamp\": \"2024-12-01T03:11:47.302308+00:00\", \"update_timestamp\": null}", "last_run_key": null, "last_sensor_start_timestamp": 1733022682.6889226, "last_tick_start_timestamp": 1733022718.436941, "last_tick_success_timestamp": 1733022719.202419, "last_tick_timestamp": 1733022718.436941, "min_interval": 1, "sensor_type": {"__enum__": "SensorType.RUN_STATUS"}}, "job_type": {"__enum__": "InstigatorType.SENSOR"}, "origin": {"__class__": "ExternalJobOrigin", "external_repository_origin": {"__class__": "ExternalRepositoryOrigin", "repository_location_origin": {"__class__": "GrpcServerRepositoryLocationOrigin", "host": "127.0.0.1", "location_name": "bbj_assets.definitions", "port": 40285, "socket": null}, "repository_name": "__repository__"}, "job_name": "retry_requests"}, "status": {"__enum__": "InstigatorStatus.STOPPED"}}','2024-12-01 03:11:22','2024-12-01 03:12:01.602491');
INSERT INTO "jobs" VALUES(2,'926d7474a6a02e5d13b0d35926d63c9ea2928ddb','64b368595dadb265f3a0372542d4d5054660f1d8','fc91dcf4746a275d9b7661552875cc2ac5b1af21','DECLARED_IN_CODE','SENSOR','{"__class__": "InstigatorState", "job_specific_data": {"__class__": "SensorInstigatorData", "cursor": "0eJztWG1v2zYQ/iuFPg8BRYpv+1Y0HTAMG4btYxAQR/LoCLNlT6KyBIH/+05y3Lje1qZL4VqOP8U58l54D3V3fB4K58Icus654vs3xduuw3wJuFg27/q2W7bFd28KvIV5D7leNq6OtEtwEpJOdkvfYXuLrsU/e6T/c72gP7BYOX/vYLDl/sB7UnkgNwtYrepm5uqMi427q+s1WVq1eFsv+86FZRPr0U0YfXfDloe9APu8XIyxvNvu3gk0JQy5poA+BEI6pbaK2UoLe1EpWXK7jR5vscmbI0lJwmYZcet6OEDf1HSszYaHggNyMFElYwNDVVkoUYWIRoWgNQuPp/x0rL+Qi6d4A5A4QkbX9ZTJ/C8mhhz+vlkkhf2U7u/8iVaGjEK+GXJXJKjnfYtdMSZ6gBFJnmDe4SDAu9yCozzlQdz08zkJF5iBYoLBxbBpE1rn/qrzjdtZvLqmxdz23yT4QWKYEMmraIPgEpnXIKMwAFWIhLgS0wFkyOIJ4IEssWirUFmhuUylNSCCVSZINDLF6eBxIh+IVZHJZBkwWVagAXSJWgjtQSiMEo4RkFlfRxxr+cJjjNQv9o63Z4T0f4Nmht2v0OYx4O7JObl17bi6hWP1YZfrGlj90977u4xtA/PL+wYWdXiyeompbsaflwO8Q7uAxRDQJmTXDZ2H9hXr9fHfnJPI8njFwZelKFNMXlSxMtxIXjIvYtBJ6Yod4xV/YQ8oSBWH4eXjoWzP849N/vlR6X2T2/ttOrfuOBucbUztDkt7Zn6YL+HThrbTVSkuGBemXI9Xt57NsH1pjKXeNfZVomTmojIVM+ujLtwgFQTDJXjQFeoYaKwtjeeV9cJqOMrJ5iRKyrlwH6pwB1UKy1ny0mgRVKW4CUZQAQE0ie74MV7xLyncBT03g/dBqMS4D1DKSntJY7Gid4pRUBbHdK0+V5BCtBIrSWNjsDwCizwFSQ2XQzImnEf7gwMSo5dc0ocj6Kspk9amjNSDldWViaDsGZADA4IqmMoC85ZJ4RWil/SDRxEjRHoVnwE5JCAf0YqP5CTGb5RHWunn2Y1ydwPdoFRwbbxgJumSHixG+6E7ROoXOggrWaUK0jxTny8ApUNow42rm4h3k7zgnzvAVCnQ/z7XNGjQZ+EyQSr0VXwwZ0r0/LI+4SxPlRL9Cj3hTItOnhZ9TgE/U6PnAn7CWZ4qNfqlBXxa9OhzCtMUKdJXMfJPkSp9FcBMkTI9fWAOS50+I5//kz693j3HzsS9Bebqev03cPVqJQ==", "last_run_key": null, "last_sensor_start_timestamp": null, "last_tick_start_timestamp": null, "last_tick_success_timestamp": null, "last_tick_timestamp": 1733022739.442908, "min_interval": 1, "sensor_type": {"__enum__": "SensorType.AUTO_MATERIALIZE"}}, "job_type": {"__enum__": "InstigatorType.SENSOR"}, "origin": {"__class__": "ExternalJobOrigin", "external_repository_origin": {"__class__": "ExternalRepositoryOrigin", "repository_location_origin": {"__class__": "GrpcServerRepositoryLocationOrigin", "host": "127.0.0.1", "location_name": "bbj_assets.definitions", "port": 40285, "socket": null}, "repository_name": "__repository__"}, "job_name": "follow_all_sources"}, "status": {"__enum__": "InstigatorStatus.DECLARED_IN_CODE"}}','2024-12-01 03:11:22','2024-12-01 03:12:19.555509');
INSERT INTO "jobs" VALUES(3,'4a12de15d9c01a94b08a416f9560883acf103343','89f1eb28b9aeed5f61089f44237e281c6f3ef70c','fc91dcf4746a275d9b7661552875cc2ac5b1af21','DECLARED_IN_CODE','SENSOR','{"__class__": "InstigatorState", "job_specific_data": {"__class__": "SensorInstigatorData", "cursor": "[{\"grids\":\"FINGERPRINT_OF_GRIDS\",\"trees\":\"FINGERPRINT_OF_TREES\",\"\":\"e4a6a0577479b2b4\"},1733022729.606712,{\"trees\":1733022729.606712},20,1,1733022734.520927,20,\"e18f592656ffc33f\",false]", "last_run_key": "guide/e18f592656ffc33f/trees", "last_sensor_start_timestamp": 1733022682.9822757, "last_tick_start_timestamp": 1733022739.365378, "last_tick_success_timestamp": 1733022739.596736, "last_tick_timestamp": 1733022739.365378, "min_interval": 1, "sensor_type": {"__enum__": "SensorType.STANDARD"}}, "job_type": {"__enum__": "InstigatorType.SENSOR"}, "origin": {"__class__": "ExternalJobOrigin", "external_repository_origin": {"__class__": "ExternalRepositoryOrigin", "repository_location_origin": {"__class__": "GrpcServerRepositoryLocationOrigin", "host": "127.0.0.1", "location_name": "bbj_assets.definitions", "port": 40285, "socket": null}, "repository_name": "__repository__"}, "job_name": "follow_guide"}, "status": {"__enum__": "InstigatorStatus.DECLARED_IN_CODE"}}','2024-12-01 03:11:22','2024-12-01 03:12:19.600854');
CREATE TABLE secondary_indexes (
	id INTEGER NOT NULL, 
	name VARCHAR(512), 
	create_timestamp DATETIME DEFAULT CURRENT_TIMESTAMP, 
	migration_completed DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "secondary_indexes" VALUES(1,'schedule_jobs_selector_id','2024-12-01 03:11:13','2024-12-01 03:11:13.652478');
INSERT INTO "secondary_indexes" VALUES(2,'schedule_ticks_selector_id','2024-12-01 03:11:13','2024-12-01 03:11:13.659906');
CREATE INDEX ix_jobs_job_type ON jobs (job_type);
CREATE INDEX ix_instigators_instigator_type ON instigators (instigator_type);
CREATE INDEX ix_job_ticks_job_origin_id ON job_ticks (job_origin_id);
CREATE INDEX idx_job_tick_status ON job_ticks (job_origin_id, status);
CREATE INDEX idx_tick_selector_timestamp ON job_ticks (selector_id, timestamp);
CREATE INDEX idx_job_tick_timestamp ON job_ticks (job_origin_id, timestamp);
CREATE UNIQUE INDEX idx_asset_daemon_asset_evaluations_asset_key_evaluation_id ON asset_daemon_asset_evaluations (asset_key, evaluation_id);
CREATE INDEX ix_asset_daemon_asset_evaluations_evaluation_id ON asset_daemon_asset_evaluations (evaluation_id);
COMMIT;
