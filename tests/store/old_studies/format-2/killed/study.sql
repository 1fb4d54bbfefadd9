BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE hpsearch_lock (
	study VARCHAR(512) NOT NULL, 
	token VARCHAR(32) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	pid INTEGER NOT NULL, 
	started FLOAT NOT NULL, 
	beat FLOAT NOT NULL, 
	PRIMARY KEY (study)
);
INSERT INTO "hpsearch_lock" VALUES('killed','4fb40adc7a6945ab9a8b532ff13631b3','host',6338,1795278995.36,1.79527901700112795827e+09);
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'killed/search');
INSERT INTO "studies" VALUES(2,'killed/finalists');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MAXIMIZE',2,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'space','{"study": "old", "metric": "score", "direction": "maximize", "seed": 11, "objective": {"python": "objective:Objective", "epochs": 4}, "space": {"lr": {"loguniform": [0.03, 0.9]}, "sharpness": {"quniform": [0.1, 2.0, 0.1]}, "size": {"choice": [16, 32, 64]}, "kind": {"choice": {"plain": [1, 2], "none": null}}, "steps": {"lograndint": [1, 100]}, "name": "fixed"}, "search": {"trials": 5}, "prune": {"stall": {"patience": 1, "min_delta": 0.02}}, "finalists": {"configs": 2, "seeds": 2}, "ensemble": {"members": 2}}');
INSERT INTO "study_user_attributes" VALUES(2,1,'space_file','"space.yaml"');
INSERT INTO "study_user_attributes" VALUES(3,1,'module_folder','"@FOLDER@"');
INSERT INTO "study_user_attributes" VALUES(4,1,'space_hash','"9c0a2fdd32d441eb"');
INSERT INTO "study_user_attributes" VALUES(5,1,'rounds','[{"start": 0, "trials": 5, "epochs": 4, "kind": "search", "planned": 0, "bounds": {}, "levels": {"lr": 3, "sharpness": 3, "size": 3, "kind": 2, "steps": 4}}]');
INSERT INTO "study_user_attributes" VALUES(6,1,'trials','5');
INSERT INTO "study_user_attributes" VALUES(7,1,'created','"host:1"');
INSERT INTO "study_user_attributes" VALUES(8,1,'versions','{"python": "3.11.7", "hpsearch": "0.1.0", "optuna": "5.0.0", "torch": "2.15.0", "torchvision": "0.29.2", "ray": "2.60.0", "numpy": "2.4.6"}');
INSERT INTO "study_user_attributes" VALUES(9,1,'first','[]');
INSERT INTO "study_user_attributes" VALUES(10,1,'warm_start','[]');
INSERT INTO "study_user_attributes" VALUES(11,1,'format','2');
INSERT INTO "study_user_attributes" VALUES(12,1,'done','false');
INSERT INTO "study_user_attributes" VALUES(13,1,'spent','{"time_s": 12.596, "gpu_s": 0.0}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,-1.82056305092780656984e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,-1.7424348653494103889e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,1,3,-1.67053823935683665169e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,1,4,-1.6042809971636213806e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,2,1,-5.90589815978423748887e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,2,2,-5.66858644435044189968e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,2,3,-5.59932692802790343833e-01,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,3,1,-1.0274430491379156205e+00,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,3,2,-0.93456724965659,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'lr',3.91722248800952729808e-02,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(2,1,'sharpness',1.44186180424139664957e+00,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(3,1,'size',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(4,1,'kind',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(5,1,'steps',6.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(6,2,'lr',6.71620793101135094005e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(7,2,'sharpness',1.03884199358934281587e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(8,2,'size',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(9,2,'kind',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(10,2,'steps',8.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
INSERT INTO "trial_params" VALUES(11,3,'lr',1.46163468481389391406e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.03, "high": 0.9, "log": true}}');
INSERT INTO "trial_params" VALUES(12,3,'sharpness',9.4563211921834144924e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(13,3,'size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32, 64]}}');
INSERT INTO "trial_params" VALUES(14,3,'kind',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["plain", "none"]}}');
INSERT INTO "trial_params" VALUES(15,3,'steps',72.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 1, "high": 100}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'seed','978917532');
INSERT INTO "trial_user_attributes" VALUES(2,1,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(3,1,'best_epoch','4');
INSERT INTO "trial_user_attributes" VALUES(4,1,'epochs','4');
INSERT INTO "trial_user_attributes" VALUES(5,1,'seconds','12.494');
INSERT INTO "trial_user_attributes" VALUES(6,1,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(7,1,'stop_reason','"finished"');
INSERT INTO "trial_user_attributes" VALUES(8,2,'seed','2900492376');
INSERT INTO "trial_user_attributes" VALUES(9,2,'attempt','1');
INSERT INTO "trial_user_attributes" VALUES(10,2,'best_epoch','3');
INSERT INTO "trial_user_attributes" VALUES(11,2,'epochs','3');
INSERT INTO "trial_user_attributes" VALUES(12,2,'seconds','0.041');
INSERT INTO "trial_user_attributes" VALUES(13,2,'worker','"host:1"');
INSERT INTO "trial_user_attributes" VALUES(14,2,'stop_reason','"stalled"');
INSERT INTO "trial_user_attributes" VALUES(15,3,'seed','1388746651');
INSERT INTO "trial_user_attributes" VALUES(16,3,'attempt','1');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,-1.6042809971636213806e+00,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,-5.59932692802790343833e-01,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-21 16:36:47.499669','2026-11-21 16:37:00.747918');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-21 16:37:00.765171','2026-11-21 16:37:01.438574');
INSERT INTO "trials" VALUES(3,2,1,'RUNNING','2026-11-21 16:37:01.440021',NULL);
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
